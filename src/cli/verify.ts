import { programOf } from './program.ts';
export const program = programOf('verify', 'x');
