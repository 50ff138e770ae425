/* Holds up each REFER that Asterisk leaves to its applications, right after they were told of it: see rtld-audit(7).
 *
 * The thread that handles the REFER calls ast_refer_notify_transfer_request() to tell them, and only then stores what
 * their answer will need.
 */
#define _GNU_SOURCE
#include <link.h>
#include <string.h>
#include <unistd.h>

enum { HELD_UP_US = 500000 };

static int (*tell)(void *, void *, void *, void *, void *, void *, int);

static int linger(void *a, void *b, void *c, void *d, void *e, void *f, int state)
{
	int answer = tell(a, b, c, d, e, f, state);
	usleep(HELD_UP_US);
	return answer;
}

unsigned int la_version(unsigned int version)
{
	return version;
}

unsigned int la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
	return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned int index, uintptr_t *from, uintptr_t *to, unsigned int *flags,
		const char *name)
{
	if (strcmp(name, "ast_refer_notify_transfer_request") != 0)
		return symbol->st_value;
	tell = (void *) symbol->st_value;
	return (uintptr_t) linger;
}
