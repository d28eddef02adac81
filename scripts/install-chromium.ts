/** `npm run install:chromium`: Debian's Chromium, in which the checkout demo and the documentation are tested. */
import { chromiumOfMachine } from './chromium.ts';
import { installDebianPackage } from './debian-package.ts';

installDebianPackage({
  names: ['chromium'],
  script: 'install:chromium',
  description: "Installs Debian's Chromium, as root, for the test of the checkout demo.",
  title: 'Chromium',
  elsewhere: 'install Chromium or Chrome; without either, the test of the checkout demo is skipped',
  installed: chromiumOfMachine(),
});
