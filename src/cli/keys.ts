import { programOf } from './program.ts';
export const program = programOf('keys', 'x');
