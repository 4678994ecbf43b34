import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { isSecure } from '../../api/admission.ts';
import type { Deps } from '../../api/deps.ts';
import type { Env } from '../../api/route.ts';

// The cookies of pages. No script reads one, no other site sends one, and the browser sends it below its path alone. Over https its
// name begins with `__Secure-`: a browser takes such a cookie from no answer without TLS. (`__Host-` would forbid the path.)

/** The attributes of a cookie below a path. */
export const cookieBelow = (deps: Pick<Deps, 'publicUrl'>, path: string) => ({
  path,
  httpOnly: true,
  sameSite: 'Strict' as const,
  secure: isSecure(deps),
  ...(isSecure(deps) ? { prefix: 'secure' as const } : {}),
});

/** The value of a cookie with those attributes; undefined without one. */
export const cookieOf = (deps: Pick<Deps, 'publicUrl'>, c: Context<Env>, name: string): string | undefined =>
  isSecure(deps) ? getCookie(c, name, 'secure') : getCookie(c, name);
