/** Shows loaded data in each of its states: loading, loaded, failed, and no longer up to date. */
import type { ComponentChildren } from 'preact';
import { useConsole } from '../console-context.ts';
import type { Loaded } from '../use-loaded.ts';
import { Button, focusTitleIfLost } from './basics.tsx';
import { ProblemNotice } from './problem.tsx';

interface Props<T> {
  of: Loaded<T>;
  /** Lines of the placeholder. */
  lines?: number;
  children: (data: T) => ComponentChildren;
}

export function Load<T>({ of, lines = 6, children }: Props<T>) {
  const { service } = useConsole();
  const { data, problem, reload } = of;
  if (data === null && problem === null) return <Skeleton lines={lines} />;
  return (
    <>
      {problem && (
        <div class="load-problem">
          <ProblemNotice
            problem={problem}
            {...(data !== null && { title: 'Not up to date: the last refresh failed' })}
          />
          <Button
            icon="again"
            onClick={() => {
              service.askAgain();
              void reload().then(focusTitleIfLost);
            }}
          >
            Try again
          </Button>
        </div>
      )}
      {data !== null && children(data)}
    </>
  );
}

function Skeleton({ lines }: { lines: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="hidden">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} aria-hidden="true" />
      ))}
    </div>
  );
}
