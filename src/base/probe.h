/* probe.h - where a tracer can look in: USDT probes, which are a no-operation each until somebody attaches
 * (docs/design/0015-looking-inside.md). Nothing where they were not built in (meson: -Dprobes).
 *
 *   brain:put       name, name_len, bytes, version        after a value was put
 *   brain:get_miss  name, name_len                        after a get found nothing
 *   brain:full      text, bytes asked for, code           a call is refused: BRAIN_E_FULL, BRAIN_E_QUOTA
 *   brain:recover   row of the dead writer                its change was undone or finished; the lock is held
 */
#ifndef BN_PROBE_H
#define BN_PROBE_H

#ifdef BN_PROBES
#include <sys/sdt.h>
#define BN_PROBE1(name, a)          DTRACE_PROBE1(brain, name, a)
#define BN_PROBE2(name, a, b)       DTRACE_PROBE2(brain, name, a, b)
#define BN_PROBE3(name, a, b, c)    DTRACE_PROBE3(brain, name, a, b, c)
#define BN_PROBE4(name, a, b, c, d) DTRACE_PROBE4(brain, name, a, b, c, d)
#else
/* What is only told is used. */
#define BN_PROBE1(name, a)          ((void)(a))
#define BN_PROBE2(name, a, b)       ((void)(a), (void)(b))
#define BN_PROBE3(name, a, b, c)    ((void)(a), (void)(b), (void)(c))
#define BN_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

#endif
