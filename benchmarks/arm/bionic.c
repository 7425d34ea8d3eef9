/* Android's C library, as far as libonnxruntime.so of the onnxruntime-android archive needs it, on top of glibc.
 *
 * The library asks for symbols of version LIBC, which glibc's do not have, so this file is linked as libc.so together with a table
 * (benchmarks/arm/bionic.py makes it) that forwards every other symbol to glibc's function of that name. Both libraries lay out
 * most types alike, because both pass them to one kernel; written out here is what glibc does not have, and where a number, a size
 * or a calling convention differs (bionic's pthread_types.h, bits/sysconf.h and signal_types.h against glibc's). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

/* Made from the library's list of symbols: names one after the other, each ended by a zero and all by an empty one; and for each
 * the address that its trampoline jumps to. */
#define HIDDEN __attribute__((visibility("hidden")))
extern const char forwarded_names[] HIDDEN;
extern void *forwarded_targets[] HIDDEN;

static void *glibc, *glibc_math;

/* These names are taken by what this file defines for the library, so glibc's are kept under others. */
static int (*glibc_fflush)(FILE *);
static long (*glibc_sysconf)(int);
static char *(*glibc_strerror_r)(int, char *, size_t);
static int (*glibc_sigmask)(int, const sigset_t *, sigset_t *);
static int (*glibc_mutex_init)(pthread_mutex_t *, const pthread_mutexattr_t *);

/* bionic's streams: older programs address them as elements of an array of structures that nobody outside may look into. */
enum { BIONIC_FILE_BYTES = 152 };
char bionic_streams[3 * BIONIC_FILE_BYTES] __asm__("__sF");
FILE *bionic_stdin __asm__("stdin"), *bionic_stdout __asm__("stdout"), *bionic_stderr __asm__("stderr");

static void missing(void) {
    static const char text[] = "bionic.c: the library called a function that glibc does not have\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(77);
}

static void *found(const char *name) {
    void *address = dlsym(glibc, name);
    return address ? address : dlsym(glibc_math, name);
}

/* Before any code of the library: its dependencies are initialised first. The functions that are called here and below are glibc's
 * although this very library has some of these names, too: the program brought glibc, and what it brought is searched first. */
__attribute__((constructor)) static void forward(void) {
    glibc = dlopen("libc.so.6", RTLD_NOW);
    glibc_math = dlopen("libm.so.6", RTLD_NOW);
    int index = 0;
    for (const char *name = forwarded_names; *name; name += strlen(name) + 1, index++) {
        void *address = found(name);
        forwarded_targets[index] = address ? address : (void *)missing;
    }
    glibc_fflush = found("fflush");
    glibc_sysconf = found("sysconf");
    glibc_strerror_r = found("strerror_r");
    glibc_sigmask = found("pthread_sigmask");
    glibc_mutex_init = found("pthread_mutex_init");
    bionic_stdin = *(FILE **)found("stdin");
    bionic_stdout = *(FILE **)found("stdout");
    bionic_stderr = *(FILE **)found("stderr");
}

int bionic_fflush(FILE *stream) __asm__("fflush");
int bionic_fflush(FILE *stream) {
    const char *address = (const char *)stream;
    int old_form = address >= bionic_streams && address < bionic_streams + sizeof bionic_streams;
    return old_form ? 0 : glibc_fflush(stream);
}

long bionic_sysconf(int name) __asm__("sysconf");
long bionic_sysconf(int name) {
    switch (name) {
        case 39: /* _SC_PAGESIZE */
        case 40: /* _SC_PAGE_SIZE */
            return glibc_sysconf(_SC_PAGESIZE);
        case 96: /* _SC_NPROCESSORS_CONF */
            return glibc_sysconf(_SC_NPROCESSORS_CONF);
        case 97: /* _SC_NPROCESSORS_ONLN */
            return glibc_sysconf(_SC_NPROCESSORS_ONLN);
        case 98: /* _SC_PHYS_PAGES */
            return glibc_sysconf(_SC_PHYS_PAGES);
        case 99: /* _SC_AVPHYS_PAGES */
            return glibc_sysconf(_SC_AVPHYS_PAGES);
        default:
            errno = EINVAL;
            return -1;
    }
}

/* 40 bytes in bionic, 48 in glibc, which uses the first 40. */
enum { BIONIC_MUTEX_BYTES = 40 };
int bionic_mutex_init(void *mutex, const pthread_mutexattr_t *attributes) __asm__("pthread_mutex_init");
int bionic_mutex_init(void *mutex, const pthread_mutexattr_t *attributes) {
    pthread_mutex_t whole;
    int code = glibc_mutex_init(&whole, attributes);
    memcpy(mutex, &whole, BIONIC_MUTEX_BYTES);
    return code;
}

/* bionic numbers the types 0 normal, 1 recursive, 2 checked, and glibc alike; its attributes are 8 bytes like glibc's. */

/* A set of signals is 8 bytes in bionic and 128 in glibc; only the first 64 signals exist. */
int bionic_sigfillset(uint64_t *set) __asm__("sigfillset");
int bionic_sigfillset(uint64_t *set) {
    *set = UINT64_MAX;
    return 0;
}

int bionic_sigmask(int how, const uint64_t *wanted, uint64_t *before) __asm__("pthread_sigmask");
int bionic_sigmask(int how, const uint64_t *wanted, uint64_t *before) {
    sigset_t set, old;
    memset(&set, 0, sizeof set);
    if (wanted) memcpy(&set, wanted, sizeof *wanted);
    int code = glibc_sigmask(how, wanted ? &set : NULL, &old);
    if (before) memcpy(before, &old, sizeof *before);
    return code;
}

/* The start of a program for Android, whose arguments are on the stack: their count, their addresses, a zero. */
void __libc_init(void *arguments, void (*at_exit)(void), int (*program)(int, char **), const void *called_around_it) {
    (void)at_exit, (void)called_around_it;
    exit(program((int)*(long *)arguments, (char **)arguments + 1));
}

int *bionic_errno(void) __asm__("__errno");
int *bionic_errno(void) { return __errno_location(); }

char *__gnu_strerror_r(int code, char *buffer, size_t size) { return glibc_strerror_r(code, buffer, size); }

/* XSI's form, which is what the plain name means in bionic. */
int bionic_strerror_r(int code, char *buffer, size_t size) __asm__("strerror_r");
int bionic_strerror_r(int code, char *buffer, size_t size) {
    const char *text = glibc_strerror_r(code, buffer, size);
    if (text != buffer) snprintf(buffer, size, "%s", text);
    return 0;
}

/* Checked forms of which glibc has none, or others. */
size_t __strlen_chk(const char *text, size_t size) {
    (void)size;
    return strlen(text);
}

char *__strchr_chk(const char *text, int character, size_t size) {
    (void)size;
    return strchr(text, character);
}

void __FD_SET_chk(int file, fd_set *set, size_t size) {
    (void)size;
    FD_SET(file, set);
}

int __FD_ISSET_chk(int file, const fd_set *set, size_t size) {
    (void)size;
    return FD_ISSET(file, set);
}

/* Android's log goes to stderr. */
int __android_log_write(int priority, const char *tag, const char *text) {
    return dprintf(STDERR_FILENO, "[%d] %s: %s\n", priority, tag, text);
}

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
    char text[1024];
    vsnprintf(text, sizeof text, format, values);
    return __android_log_write(priority, tag, text);
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int written = __android_log_vprint(priority, tag, format, values);
    va_end(values);
    return written;
}

void android_set_abort_message(const char *text) { dprintf(STDERR_FILENO, "abort: %s\n", text); }

/* No property of the system is set. */
int __system_property_get(const char *name, char *value) {
    (void)name;
    value[0] = 0;
    return 0;
}
