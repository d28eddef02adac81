/** `npm run install:python-clients`: Debian's httpx and pika, with which the Python clients are tested. */
import { installDebianPackage } from './debian-package.ts';
import { PYTHON_PACKAGES, pythonClientsOfMachine } from './python-clients.ts';

installDebianPackage({
  names: PYTHON_PACKAGES,
  script: 'install:python-clients',
  description: "Installs Debian's httpx and pika, as root, for the tests of the Python clients.",
  title: 'What the Python clients need',
  elsewhere: 'the tests of the Python clients are skipped',
  installed: pythonClientsOfMachine(),
});
