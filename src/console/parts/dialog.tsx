/** A modal dialog: the browser keeps the focus in it and gives it back, and Escape closes it. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Button } from './basics.tsx';

interface Props {
  title: string;
  children: ComponentChildren;
  /** What was ordered is on its way: it cannot be taken back, so the dialog stays. */
  busy?: boolean;
  onClose: () => void;
  onSubmit?: () => void;
  /** Buttons beside Cancel. */
  actions: ComponentChildren;
  cancel?: string;
}

export function Dialog({ title, children, busy = false, onClose, onSubmit, actions, cancel = 'Cancel' }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        if (!busy) onClose();
      }}
    >
      <form
        method="dialog"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) onSubmit?.();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        <div class="dialog-body">{children}</div>
        <div class="dialog-actions">
          <Button onClick={onClose} busy={busy}>
            {cancel}
          </Button>
          {actions}
        </div>
      </form>
    </dialog>
  );
}
