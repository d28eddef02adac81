#!/usr/bin/env node
import { launch } from '../local/launch.mjs';

launch('src/cli/payctl.ts');
