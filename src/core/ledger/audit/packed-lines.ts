/** Lines of text in gzip, as blocks of the audit log are packed: `gunzip` makes the lines of an export of them. */

export async function pack(lines: readonly string[]): Promise<Uint8Array> {
  const text = lines.map((line) => `${line}\n`).join('');
  return throughStream(new TextEncoder().encode(text), new CompressionStream('gzip'));
}

/** @throws TypeError where it is not gzip, or was altered so that its checksum does not match */
export async function unpack(packed: Uint8Array): Promise<string[]> {
  const bytes = await throughStream(packed, new DecompressionStream('gzip'));
  return new TextDecoder().decode(bytes).split('\n').slice(0, -1);
}

async function throughStream(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const piped = new Response(bytes as Uint8Array<ArrayBuffer>).body?.pipeThrough(stream);
  return new Uint8Array(await new Response(piped).arrayBuffer());
}
