/** A modal dialog. The browser keeps the focus inside and restores it afterwards; Escape closes the dialog, unless it has to stay. */
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Button } from './basics.tsx';

interface Props {
  title: string;
  children: ComponentChildren;
  /** A request has been sent and cannot be cancelled: the dialog stays open. */
  busy?: boolean;
  /** Escape does not close it, because its content is shown only once. */
  stays?: boolean;
  onClose: () => void;
  onSubmit?: () => void;
  /** Buttons beside Cancel. */
  actions: ComponentChildren;
  cancel?: string;
}

export function Dialog({
  title,
  children,
  busy = false,
  stays = false,
  onClose,
  onSubmit,
  actions,
  cancel = 'Cancel',
}: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const isKept = busy || stays;
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && isKept) event.preventDefault();
      }}
      onCancel={(event) => {
        if (isKept) event.preventDefault();
      }}
      // A second Escape closes a dialog without a cancelable event. Unmounting closes it as well, and this event comes after that.
      onClose={(event) => {
        if (!event.currentTarget.isConnected) return;
        if (isKept) event.currentTarget.showModal();
        else onClose();
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
        <h2 id={titleId}>{title}</h2>
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
