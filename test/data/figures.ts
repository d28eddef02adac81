/** What a test tells whoever reads the results of how much it has done. Everything else on the console goes to a file. */
export function figures(requests: number, where: string, searched: string, hits: number): string {
  return `Sent ${requests} requests with random cards ${where}, and searched ${searched} for them: ${hits} hits`;
}

/** How many of the payments of a race ended in which way. */
export function raceFigures(race: string, ended: string): string {
  return `Race: ${race}: ${ended}`;
}

/** What became of the payments that a database was filled with. */
export function fullFigures(charged: number, refused: number, bytes: { full: number; after: number }): string {
  return `Full at ${bytes.full} bytes: ${charged} payments charged and recorded, ${refused} refused; ${bytes.after} bytes after archiving`;
}

/** The same of a simulated one, with SQLite's own limit. */
export function simulatedFullFigures(filled: {
  charged: number;
  refused: number;
  pagesInUse: { full: number; emptied: number };
}) {
  const { charged, refused, pagesInUse } = filled;
  return `Full at ${pagesInUse.full} pages: ${charged} payments charged and recorded, ${refused} refused; ${pagesInUse.emptied} pages after archiving`;
}

export const isFigures = (log: string) => /^(Sent \d+ (hostile )?requests|Race: |Full at )/.test(log);
