/* Loaded before everything else (LD_PRELOAD): makes the disk fail, or writes down what is asked of it.

   FAULTS_ROOT   only paths below this directory are looked at
   FAULTS_AT     the number of the operation that fails (1 is the first); 0: none
   FAULTS_HOW    eio (this one), full (this one and every later write: ENOSPC), short (half of this write, then full)
   FAULTS_COUNT  a file that is told how many operations there were, one line per process
   FAULTS_TRACE  a file that is told every operation with its data, from which any moment can be made again

   An operation is an open, write, truncate, fsync, rename, link, unlink or mkdir. Counted per process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 65536
#define REAL(name) ((__typeof__(&name)) real(#name))

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *root, *trace_path;
static size_t root_length;
static long at, count, full;
static enum { EIO_ONCE, FULL, SHORT } how;
static int trace = -1, ready;
static long object_of[FILES]; /* 0: not ours; else the file it is, > 0; a directory is -1 */
static long objects;
static struct { dev_t dev; ino_t ino; long object; } known[FILES];
static long knowns;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void told(void) {
    const char *path = getenv("FAULTS_COUNT");
    if (!path || !count) return;
    int fd = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    char line[32];
    int length = snprintf(line, sizeof line, "%ld\n", count);
    if (fd >= 0 && REAL(write)(fd, line, length) == length) REAL(close)(fd);
}

static void begin(void) {
    if (ready) return;
    ready = 1;
    root = getenv("FAULTS_ROOT");
    root_length = root ? strlen(root) : 0;
    at = getenv("FAULTS_AT") ? atol(getenv("FAULTS_AT")) : 0;
    const char *word = getenv("FAULTS_HOW");
    how = word && !strcmp(word, "full") ? FULL : word && !strcmp(word, "short") ? SHORT : EIO_ONCE;
    trace_path = getenv("FAULTS_TRACE");
    if (trace_path) trace = REAL(open)(trace_path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    atexit(told);
}

/* For a process that forks: begin again, below another directory. */
void faults_begin(const char *below, long fails_at, const char *word) {
    pthread_mutex_lock(&lock);
    ready = 1;
    root = strdup(below);
    root_length = strlen(root);
    at = fails_at;
    count = full = 0;
    how = !strcmp(word, "full") ? FULL : !strcmp(word, "short") ? SHORT : EIO_ONCE;
    pthread_mutex_unlock(&lock);
}

long faults_count(void) { return count; }

static int whole(int dir, const char *path, char *out) {
    begin();
    if (!root || !path) return 0;
    if (path[0] == '/') snprintf(out, PATH_MAX, "%s", path);
    else {
        char from[PATH_MAX], name[64];
        if (dir == AT_FDCWD) { if (!getcwd(from, sizeof from)) return 0; }
        else {
            snprintf(name, sizeof name, "/proc/self/fd/%d", dir);
            ssize_t n = readlink(name, from, sizeof from - 1);
            if (n < 0) return 0;
            from[n] = 0;
        }
        if (snprintf(out, PATH_MAX, "%s/%s", from, path) >= PATH_MAX) return 0;
    }
    return !strncmp(out, root, root_length) && out[root_length] == '/';
}

static long ours(int fd) { begin(); return root && fd >= 0 && fd < FILES ? object_of[fd] : 0; }

/* Counts one operation; 1 where it must fail, errno being set; 2 where a write must be cut short. */
static int fails(int writes, int can_be_short) {
    long mine = ++count;
    if (at && mine == at) {
        if (how == EIO_ONCE) { errno = EIO; return 1; }
        full = 1;
        if (how == SHORT && can_be_short) return 2;
        if (how == SHORT && !writes) return 0;
        errno = writes ? ENOSPC : EIO;
        return 1;
    }
    if (full && writes) { errno = ENOSPC; return 1; }
    return 0;
}

static void put(const char *head, const void *data, size_t length) {
    if (trace < 0) return;
    struct iovec parts[3] = {{(void *) head, strlen(head)}, {(void *) data, length}, {"\n", 1}};
    ssize_t n = REAL(writev)(trace, parts, 3);
    (void) n;
}

static void say(const char *what, long object, const char *a, const char *b) {
    char line[2 * PATH_MAX + 64];
    snprintf(line, sizeof line, "%s\t%ld\t%s\t%s", what, object, a ? a : "", b ? b : "");
    put(line, "", 0);
}

static void opened(int fd, int is_new, const char *path) {
    struct stat info;
    if (fd < 0 || fd >= FILES || fstat(fd, &info)) return;
    if (S_ISDIR(info.st_mode)) { object_of[fd] = -1; return; }
    long n, found = 0;
    for (n = 0; n < knowns; n++) if (known[n].dev == info.st_dev && known[n].ino == info.st_ino) {
        if (is_new) known[n].object = ++objects;
        found = known[n].object;
        break;
    }
    if (!found && knowns < FILES) {
        known[knowns].dev = info.st_dev; known[knowns].ino = info.st_ino;
        found = known[knowns++].object = ++objects;
    }
    object_of[fd] = found;
    say(is_new ? "create" : "open", found, path, NULL);
}

static int open_any(const char *name, int dir, const char *path, int flags, mode_t mode) {
    char full_path[PATH_MAX];
    int mine = whole(dir, path, full_path), fd;
    pthread_mutex_lock(&lock);
    if (mine && fails((flags & O_CREAT) && access(full_path, F_OK), 0)) { pthread_mutex_unlock(&lock); return -1; }
    int is_new = mine && (flags & O_CREAT) && access(full_path, F_OK);
    if (!strncmp(name, "openat", 6)) fd = ((int (*)(int, const char *, int, ...)) real(name))(dir, path, flags, mode);
    else fd = ((int (*)(const char *, int, ...)) real(name))(path, flags, mode);
    if (fd >= 0 && fd < FILES) object_of[fd] = 0;
    if (mine && fd >= 0) {
        opened(fd, is_new, full_path);
        if ((flags & O_TRUNC) && !is_new) say("truncate", object_of[fd], "0", NULL);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return open_any("open", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_any("open64", AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE return open_any("openat", dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE return open_any("openat64", dir, path, flags, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FILES) object_of[fd] = 0;
    return REAL(close)(fd);
}

static ssize_t wrote(int fd, ssize_t n, const void *data, off_t where) {
    if (n > 0 && trace >= 0) {
        char head[96];
        if (where < 0) where = lseek(fd, 0, SEEK_CUR) - n;
        snprintf(head, sizeof head, "write\t%ld\t%lld\t%zd\n", object_of[fd], (long long) where, n);
        put(head, data, n);
    }
    return n;
}

ssize_t write(int fd, const void *data, size_t length) {
    if (ours(fd) <= 0) return REAL(write)(fd, data, length);
    pthread_mutex_lock(&lock);
    int failing = fails(1, 1);
    ssize_t n = failing == 1 ? -1 : wrote(fd, REAL(write)(fd, data, failing == 2 ? length / 2 : length), data, -1);
    pthread_mutex_unlock(&lock);
    return n;
}

static ssize_t pwrite_any(int fd, const void *data, size_t length, off_t where) {
    if (ours(fd) <= 0) return REAL(pwrite64)(fd, data, length, where);
    pthread_mutex_lock(&lock);
    int failing = fails(1, 1);
    ssize_t n = failing == 1 ? -1 : wrote(fd, REAL(pwrite64)(fd, data, failing == 2 ? length / 2 : length, where), data, where);
    pthread_mutex_unlock(&lock);
    return n;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t where) { return pwrite_any(fd, data, length, where); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t where) { return pwrite_any(fd, data, length, where); }

static int truncate_any(int fd, off_t length) {
    if (ours(fd) <= 0) return REAL(ftruncate64)(fd, length);
    pthread_mutex_lock(&lock);
    int result = fails(1, 0) ? -1 : REAL(ftruncate64)(fd, length);
    char size[32];
    snprintf(size, sizeof size, "%lld", (long long) length);
    if (!result) say("truncate", object_of[fd], size, NULL);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t length) { return truncate_any(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any(fd, length); }

static int sync_any(const char *name, int fd) {
    int (*call)(int) = (int (*)(int)) real(name);
    if (!ours(fd)) return call(fd);
    pthread_mutex_lock(&lock);
    int result = fails(1, 0) ? -1 : 0; /* what is durable is told by the trace: the disk need not be waited for */
    if (!result && object_of[fd] > 0) say("sync", object_of[fd], NULL, NULL);
    if (!result && object_of[fd] < 0) {
        char name_of[64], path[PATH_MAX];
        snprintf(name_of, sizeof name_of, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(name_of, path, sizeof path - 1);
        if (n > 0) { path[n] = 0; say("list", 0, path, NULL); }
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int fd) { return sync_any("fsync", fd); }
int fdatasync(int fd) { return sync_any("fdatasync", fd); }

#define NAMED(word, a_dir, a, b_dir, b, call) \
    char first[PATH_MAX], second[PATH_MAX] = ""; \
    const char *other = b; \
    int mine = whole(a_dir, a, first); \
    if (other) mine = whole(b_dir, other, second) || mine; \
    if (!mine) return call; \
    pthread_mutex_lock(&lock); \
    int result = fails(strcmp(word, "unlink") != 0, 0) ? -1 : call; \
    if (!result) say(word, 0, first, second); \
    pthread_mutex_unlock(&lock); \
    return result;

int rename(const char *a, const char *b) { NAMED("rename", AT_FDCWD, a, AT_FDCWD, b, REAL(rename)(a, b)) }
int renameat(int da, const char *a, int db, const char *b) { NAMED("rename", da, a, db, b, REAL(renameat)(da, a, db, b)) }
int link(const char *a, const char *b) { NAMED("link", AT_FDCWD, a, AT_FDCWD, b, REAL(link)(a, b)) }
int unlink(const char *a) { NAMED("unlink", AT_FDCWD, a, 0, NULL, REAL(unlink)(a)) }
int unlinkat(int da, const char *a, int flags) {
    NAMED(flags & AT_REMOVEDIR ? "rmdir" : "unlink", da, a, 0, NULL, REAL(unlinkat)(da, a, flags))
}
int mkdir(const char *a, mode_t mode) { NAMED("mkdir", AT_FDCWD, a, 0, NULL, REAL(mkdir)(a, mode)) }
int rmdir(const char *a) { NAMED("rmdir", AT_FDCWD, a, 0, NULL, REAL(rmdir)(a)) }
