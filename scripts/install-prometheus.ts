/** `npm run install:prometheus`: Debian's Prometheus, with which the dashboard and the rules in ops/ are tested. It starts no service. */
import { installDebianPackage } from './debian-package.ts';
import { prometheusOfMachine } from './prometheus.ts';

installDebianPackage({
  names: ['prometheus'],
  script: 'install:prometheus',
  description: "Installs Debian's Prometheus, as root, without starting it as a service, for the tests of ops/.",
  title: 'Prometheus',
  elsewhere: 'install Prometheus; without it, the tests of the dashboard and of the alert rules are skipped',
  installed: prometheusOfMachine()?.promtool ?? null,
});
