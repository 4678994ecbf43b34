import { programOf } from './program.ts';
export const program = programOf('rehydrate', 'x');
