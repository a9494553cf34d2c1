/*
 * Stands in for the hypervisor below a real xenstored, so that the daemon itself, with its own
 * reader, store, transactions, permissions, watches and quotas, runs on any Linux machine.
 *
 * Domain 0 is the only domain that is always there; XENPARLEY_DOMAINS (a file of "domid state"
 * lines, state one of r, s, d) adds others, for INTRODUCE and @releaseDomain. The shared ring pages
 * are plain anonymous memory. XENPARLEY_EVENTS is the number of an open pipe: each byte in it is
 * the hypervisor's VIRQ_DOM_EXC (look at the domains again), and the daemon ends where it ends, so
 * that none outlives the simulated host. Without it no event ever comes.
 *
 * Build: cc -shared -fPIC -O1 -o preload.so xenstored_preload.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int event_fd = -1;
static int next_port = 2;
static int virq_port = -1;

/* What the domain is doing: 'r' running, 's' shut down, 'd' dying, 0 unknown. */
static char domain_state(unsigned int domid)
{
    const char *path = getenv("XENPARLEY_DOMAINS");
    unsigned int each;
    char state, found = domid == 0 ? 'r' : 0;
    FILE *file = path ? fopen(path, "re") : NULL;

    while (file && fscanf(file, "%u %c", &each, &state) == 2)
        if (each == domid)
            found = state;
    if (file)
        fclose(file);
    return found;
}

/* libxenctrl: the C daemon asks for one domain (struct xc_dominfo), the OCaml one for the list. */
void *xc_interface_open(void *a, void *b, unsigned c) { (void)a; (void)b; (void)c; return &event_fd; }
int xc_interface_close(void *h) { (void)h; return 0; }

struct dominfo {
    uint32_t domid, ssidref;
    unsigned int dying : 1, crashed : 1, shutdown : 1, paused : 1, blocked : 1, running : 1;
    char rest[4096];
};

int xc_domain_getinfo(void *h, uint32_t first, unsigned int max, struct dominfo *info)
{
    uint32_t domid;
    (void)h;
    for (domid = first; max && domid < 0x7ff0; domid++) {
        char state = domain_state(domid);
        if (!state)
            continue;
        memset(info, 0, 12);
        info->domid = domid;
        info->running = state == 'r';
        info->shutdown = state == 's';
        info->dying = state == 'd';
        return 1;
    }
    errno = ESRCH;
    return 0;
}

/* struct xen_domctl_getdomaininfo: u16 domain, u16 pad, u32 flags, ... (4.17: 112 bytes). */
int xc_domain_getinfolist(void *h, uint32_t first, unsigned int max, unsigned char *info)
{
    uint32_t domid;
    (void)h;
    for (domid = first; max && domid < 0x7ff0; domid++) {
        char state = domain_state(domid);
        uint32_t flags = state == 's' ? 0x4 : state == 'd' ? 0x1 : 0x20;
        uint16_t id = domid;
        if (!state)
            continue;
        memset(info, 0, 112);
        memcpy(info, &id, 2);
        memcpy(info + 4, &flags, 4);
        return 1;
    }
    return 0;
}

/* From 4.18 on the C daemon asks by this one. */
int xc_domain_getinfo_single(void *h, uint32_t domid, unsigned char *info)
{
    uint16_t found;
    if (info == NULL)
        return domain_state(domid) ? 0 : (errno = ESRCH, -1);
    if (xc_domain_getinfolist(h, domid, 1, info) == 1) {
        memcpy(&found, info, 2);
        if (found == domid)
            return 0;
    }
    errno = ESRCH;
    return -1;
}

static void *a_page(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0);
}

void *xc_map_foreign_range(void *h, uint32_t d, int size, int prot, unsigned long mfn)
{
    (void)h; (void)d; (void)size; (void)prot; (void)mfn;
    return a_page();
}

/* libxengnttab */
void *xengnttab_open(void *l, unsigned f) { (void)l; (void)f; return &event_fd; }
int xengnttab_close(void *h) { (void)h; return 0; }
int xengnttab_set_max_grants(void *h, uint32_t n) { (void)h; (void)n; return 0; }
void *xengnttab_map_grant_ref(void *h, uint32_t d, uint32_t r, int p) { (void)h; (void)d; (void)r; (void)p; return a_page(); }
int xengnttab_unmap(void *h, void *a, uint32_t n) { (void)h; return munmap(a, n * 4096UL); }

/* libxenevtchn */
static int events(void)
{
    const char *number = getenv("XENPARLEY_EVENTS");
    int fd = number ? atoi(number) : eventfd(0, EFD_NONBLOCK);

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

void *xenevtchn_open(void *l, unsigned f) { (void)l; (void)f; event_fd = events(); return &event_fd; }
void *xenevtchn_fdopen(void *l, int fd, unsigned f) { (void)l; (void)f; event_fd = fd; return &event_fd; }
int xenevtchn_close(void *h) { (void)h; return 0; }
int xenevtchn_fd(void *h) { (void)h; return event_fd; }
int xenevtchn_bind_interdomain(void *h, uint32_t d, uint32_t p) { (void)h; (void)d; (void)p; return next_port++; }
int xenevtchn_bind_virq(void *h, unsigned v) { (void)h; (void)v; return virq_port = next_port++; }
int xenevtchn_notify(void *h, uint32_t p) { (void)h; (void)p; return 0; }
int xenevtchn_unbind(void *h, uint32_t p) { (void)h; (void)p; return 0; }
int xenevtchn_unmask(void *h, uint32_t p) { (void)h; (void)p; return 0; }

int xenevtchn_pending(void *h)
{
    char all[64];
    ssize_t got = read(event_fd, all, sizeof(all));

    (void)h;
    if (got == 0)
        _exit(0);
    if (got < 0 || virq_port < 0) {
        errno = EAGAIN;
        return -1;
    }
    return virq_port;
}

/* The kernel's two files: the address (a page to map) and the event channel of dom0's own ring. */
static int special_file(const char *path)
{
    int fd;
    if (strcmp(path, "/proc/xen/xsd_kva") == 0) {
        fd = memfd_create("xsd_kva", MFD_CLOEXEC);
        if (fd >= 0 && ftruncate(fd, 4096) == 0)
            return fd;
    } else if (strcmp(path, "/proc/xen/xsd_port") == 0 || strcmp(path, "/dev/xen/xsd_port") == 0) {
        fd = memfd_create("xsd_port", MFD_CLOEXEC);
        if (fd >= 0 && write(fd, "1", 1) == 1 && lseek(fd, 0, SEEK_SET) == 0)
            return fd;
    }
    return -1;
}

static int open_real(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    int fd = special_file(path);
    return fd >= 0 ? fd : real(path, flags, mode);
}

#define MODE(flags) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list ap; va_start(ap, flags); mode = va_arg(ap, mode_t); va_end(ap); }

int open(const char *path, int flags, ...) { MODE(flags) return open_real("open", path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_real("open64", path, flags, mode); }

/* oxenstored wants more files than a container allows; the tests need few. */
int setrlimit(__rlimit_resource_t r, const struct rlimit *l) { (void)r; (void)l; return 0; }
int setrlimit64(__rlimit_resource_t r, const struct rlimit64 *l) { (void)r; (void)l; return 0; }

/* oxenstored's folder is compiled in: its socket goes to XENSTORED_RUNDIR as the C daemon's does. */
static const char *moved(const char *path, char *room, size_t size)
{
    const char *folder = getenv("XENSTORED_RUNDIR");
    const char *built_in = "/var/run/xenstored";
    size_t length = strlen(built_in);

    if (!folder || strncmp(path, built_in, length) != 0)
        return path;
    snprintf(room, size, "%s%s", folder, path + length);
    return room;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
    struct sockaddr_un local = { .sun_family = AF_UNIX };

    if (address->sa_family != AF_UNIX)
        return real(fd, address, length);
    moved(((const struct sockaddr_un *)address)->sun_path, local.sun_path, sizeof(local.sun_path));
    return local.sun_path[0] ? real(fd, (struct sockaddr *)&local, sizeof(local))
                             : real(fd, address, length);
}

int unlink(const char *path)
{
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    char room[256];
    return real(moved(path, room, sizeof(room)));
}

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    char room[256];
    return real(moved(path, room, sizeof(room)), mode);
}
