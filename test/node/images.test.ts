/** Container images: a tag such as `4-alpine` names another image each month. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (file: string) => readFileSync(file, 'utf8');
const inDockerfile = [...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
const inCompose = [...read('compose.yaml').matchAll(/^\s*image: (\S+)/gm)].map(([, image]) => image);
const [, ofScripts] = read('scripts/rabbitmq.ts').match(/^const IMAGE = '(\S+)';$/m) ?? [];

it('every image has an exact version', () => {
  const images = [...inDockerfile, ...inCompose, ofScripts];
  expect(images).toHaveLength(6);
  for (const image of images)
    expect(image).toMatch(/^[a-z]+(\/[a-z]+)?:\d+\.\d+\.\d+(-[a-z]+)*(@sha256:[0-9a-f]{64})?$/);
});

it('the images have the Node that the tests run on', () => {
  const { node } = JSON.parse(read('package.json')).devDependencies;
  for (const image of inDockerfile) expect(image).toContain(`node:${node}-`);
});

it('development and Compose run the same RabbitMQ', () => {
  const versionOf = (image = '') => /\d+\.\d+\.\d+/.exec(image)?.[0];
  expect(versionOf(ofScripts)).toBe(versionOf(inCompose[0]));
});
