/** Certificates of a provider, kept by a process that has no ledger. */
import type { CertificateStore } from '../../core/gateways/webhook.ts';

/** @param requests how many unknown addresses may be asked for */
export function certificatesInMemory(requests = 10): CertificateStore {
  const kept = new Map<string, string>();
  let left = requests;
  return {
    sender: 'this process',

    async requestUnlessKnown(url) {
      const certificates = [...kept].map(([address, pem]) => ({ url: address, pem }));
      if (kept.has(url)) return { certificates, request: 'under_way' };
      left -= 1;
      return { certificates, request: left >= 0 ? 'granted' : 'used_up' };
    },
    async keep({ url, pem }) {
      kept.set(url, pem);
    },
  };
}
