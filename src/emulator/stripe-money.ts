/** The currencies that Stripe charges, with their minimum and maximum amounts. */
import { Refused } from './api.ts';
import { invalid } from './stripe-errors.ts';

/** In the smallest unit; others have half a dollar's worth, which is not known here: 1 of the smallest unit. */
const MINIMUM: Readonly<Record<string, number>> = {
  ...{ usd: 50, aed: 200, aud: 50, bgn: 100, brl: 50, cad: 50, chf: 50, czk: 1500, dkk: 250, eur: 50, gbp: 30 },
  ...{ hkd: 400, huf: 17500, inr: 50, jpy: 50, mxn: 1000, myr: 200, nok: 300, nzd: 50, pln: 200, ron: 200, sek: 300 },
  ...{ sgd: 50, thb: 1000 },
};
const OTHERS =
  'afn all amd ang aoa ars awg azn bam bbd bdt bhd bif bmd bnd bob bsd bwp byn bzd cdf clp cny cop crc cve djf dop dzd ' +
  'egp etb fjd fkp gel gip gmd gnf gtq gyd hnl htg idr ils isk jmd jod kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd ' +
  'lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mzn nad ngn nio npr omr pab pen pgk php pkr pyg qar rsd rub rwf sar sbd ' +
  'scr shp sle sos srd std szl tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw';
const SUPPORTED = new Set([...Object.keys(MINIMUM), ...OTHERS.split(' ')]);
const LARGEST = 99_999_999;

/** Sent with more digits than a charge can have: three decimals, of which the last is 0; two, which are both 0. */
const MULTIPLES: Readonly<Record<string, number>> = {
  ...{ bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10 },
  ...{ isk: 100, ugx: 100 },
};

/** @throws {Refused} */
export function checkAmount(amount: number, currency: string): void {
  if (!SUPPORTED.has(currency)) {
    throw invalid(
      `Invalid currency: ${currency}. Stripe currently supports these currencies: ${[...SUPPORTED].join(', ')}`,
      {
        param: 'currency',
      },
    );
  }
  if (amount < 1) {
    throw invalid('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'amount',
    });
  }
  if (amount > LARGEST) {
    throw invalid('Amount must be no more than $999,999.99', { code: 'amount_too_large', param: 'amount' });
  }
  if (amount < (MINIMUM[currency] ?? 1)) {
    throw invalid(`Amount must be at least ${MINIMUM[currency]} of the smallest unit of ${currency}`, {
      code: 'amount_too_small',
      param: 'amount',
    });
  }
  checkDigits(amount, currency);
}

/** Whether Stripe accepts a charge of this amount. */
export function isChargeable(amount: number, currency: string): boolean {
  try {
    checkAmount(amount, currency);
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return false;
  }
}

/** @throws {Refused} */
export function checkDigits(amount: number, currency: string): void {
  const multiple = MULTIPLES[currency] ?? 1;
  if (amount % multiple !== 0) {
    throw invalid(`Invalid amount: in ${currency}, it must be evenly divisible by ${multiple}`, { param: 'amount' });
  }
}

/** "$20.01" */
export function inWords(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** decimals);
}
