/** As much of Node's module as the counting Worker needs: workerd has it, and the types of Workers do not. */
declare module 'node:async_hooks' {
  export class AsyncLocalStorage<Store> {
    run<Result>(store: Store, work: () => Result): Result;
    getStore(): Store | undefined;
  }
}
