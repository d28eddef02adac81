/// <reference types="@cloudflare/vitest-plugin/types" />

/** Holds, when types are checked, that nothing of Node is visible where the Worker's code is. */

// @ts-expect-error Node's directory of a module
__dirname;
// @ts-expect-error Node's modules
await import('node:fs');
