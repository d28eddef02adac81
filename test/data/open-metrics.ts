/** Reads the text format of OpenMetrics, strictly: what the specification does not allow throws. */

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?|NaN|[+-]Inf)$/;
const LABELS = /^\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\}$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum'],
};

/** Each sample's value, by its name and labels as they were written. @throws Error that names the line */
export function samplesIn(text: string): Record<string, number> {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.pop() !== '# EOF') throw new Error('it does not end with # EOF and a line feed');
  const samples = new Map<string, number>();
  const families = new Map<string, { type?: string; help?: string; unit?: string }>();
  let family = '';
  for (const line of lines) {
    const about = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/.exec(line);
    if (about !== null) {
      const [, what = '', name = '', value = ''] = about;
      if (name !== family && families.has(name)) throw new Error(`${name} is interleaved with another: ${line}`);
      family = name;
      const known = families.get(name) ?? {};
      const key = what.toLowerCase() as 'help' | 'type' | 'unit';
      if (known[key] !== undefined) throw new Error(`twice: ${line}`);
      if (key === 'unit' && !name.endsWith(`_${value}`)) throw new Error(`a name must end with its unit: ${line}`);
      families.set(name, { ...known, [key]: value });
      continue;
    }
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    if (name === '' || (labels !== '' && !LABELS.test(labels)))
      throw new Error(`neither a sample nor a comment: ${line}`);
    const { type = 'unknown', help } = families.get(family) ?? {};
    if (help === undefined || !SUFFIXES[type]?.some((suffix) => name === family + suffix)) {
      throw new Error(`it is no ${type} of ${family}: ${line}`);
    }
    if (type === 'counter' && Number(value) < 0) throw new Error(`a counter below 0: ${line}`);
    if (samples.has(name + labels)) throw new Error(`twice: ${line}`);
    samples.set(name + labels, Number(value));
  }
  checkHistograms(samples);
  return Object.fromEntries(samples);
}

/** Buckets grow, and the last of them has all. */
function checkHistograms(samples: ReadonlyMap<string, number>): void {
  const before = new Map<string, { le: number; value: number }>();
  for (const [name, value] of samples) {
    const [, metric = '', labels = '', le = ''] = /^(\w+)_bucket\{(.*?),?le="([^"]+)"\}$/.exec(name) ?? [];
    if (metric === '') continue;
    if (le !== '+Inf' && !/^\d+\.\d+$/.test(le)) throw new Error(`no canonical number: ${name}`);
    const series = `${metric}{${labels}}`;
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    const last = before.get(series);
    if (last !== undefined && (last.le >= bound || last.value > value)) throw new Error(`not cumulative: ${name}`);
    before.set(series, { le: bound, value });
  }
  for (const [series, { le, value }] of before) {
    if (le !== Number.POSITIVE_INFINITY) throw new Error(`without +Inf: ${series}`);
    const count = samples.get(series.replace('{', '_count{'));
    if (count !== value) throw new Error(`_count is not the last bucket: ${series}`);
  }
}
