/** Holds, when types are checked, that nothing of the Workers runtime is visible where Node's code is. */

// @ts-expect-error the Workers runtime
type _Runtime = DurableObjectState;
// @ts-expect-error the Worker's bindings
type _Bindings = Env;
