/** What a test tells whoever reads the results of how much it has done. Everything else on the console goes to a file. */
export function figures(requests: number, where: string, searched: string, hits: number): string {
  return `Sent ${requests} requests with random cards ${where}, and searched ${searched} for them: ${hits} hits`;
}

export const isFigures = (log: string) => /^Sent \d+ (hostile )?requests/.test(log);
