/** Where an export goes: to standard output, or to a file that has its name only once it is complete. */
import { rmSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { fileProblem, isDirectory } from '../../local/file-problem.ts';
import { onInterruption } from '../interruptions.ts';

/** Resolves when the text has been taken, so that a slow reader is waited for. */
export type Write = (text: string) => Promise<void>;

/** Of whoever exports alone: what customers paid is nobody else's business. */
const MODE = 0o600;

/**
 * Writes to the file, or to standard output where there is none. Until the work is done, the file is called FILE.part; if it fails or is
 * interrupted, nothing is left, and a FILE that was there before stays as it was.
 */
export async function withOutput(file: string | null, work: (write: Write) => Promise<void>): Promise<void> {
  if (file === null) return work(writeToStandardOutput);
  const partial = `${file}.part`;
  const handle = await openPartial(file, partial);
  const stopListening = onInterruption((exitCode) => {
    rmSync(partial, { force: true });
    process.exit(exitCode);
  });
  try {
    await writeAll(handle, file, work);
    await toFile(file, rename(partial, file));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    stopListening();
  }
}

/** @throws Error that names the FILE, which is what the operator has named */
async function openPartial(file: string, partial: string): Promise<FileHandle> {
  const there = await stat(file).catch(() => null); // opening it reports what is wrong
  if (there?.isDirectory()) throw isDirectory(file);
  return toFile(file, open(partial, 'w', MODE));
}

/** With what fails in words. Errors of the work itself stay what they are. */
async function toFile<Result>(file: string, step: Promise<Result>): Promise<Result> {
  try {
    return await step;
  } catch (error) {
    throw fileProblem(error, file, 'written');
  }
}

async function writeAll(handle: FileHandle, file: string, work: (write: Write) => Promise<void>): Promise<void> {
  try {
    await work((text) => toFile(file, handle.appendFile(text)));
    await toFile(file, handle.sync());
  } finally {
    await handle.close();
  }
}

/** Whoever handles errors of standard output ends the command where the write fails: see payctl.ts. */
function writeToStandardOutput(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => {
      if (!error) resolve();
    });
  });
}
