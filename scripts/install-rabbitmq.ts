/**
 * `npm run install:rabbitmq`: Debian's rabbitmq-server, for tests and development on a machine without Docker. It starts no service: each
 * run has a broker of its own.
 */
import { installDebianPackage } from './debian-package.ts';
import { serverOfMachine } from './rabbitmq.ts';

installDebianPackage({
  names: ['rabbitmq-server'],
  script: 'install:rabbitmq',
  description: "Installs Debian's rabbitmq-server, as root, without starting it as a service.",
  title: 'RabbitMQ',
  elsewhere: 'start Docker instead',
  installed: serverOfMachine(),
});
