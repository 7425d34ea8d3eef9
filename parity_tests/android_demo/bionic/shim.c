/* libc.so as Android's libraries ask for it, over glibc.
 *
 * Most functions have the same name and meaning in both: for them names.h, which build.py writes, holds a list of names, and trampolines.S a jump for each
 * through `slots`. The rest is here. What Android has and glibc lacks is answered so that the caller goes on; a function that is missing and called ends
 * the process with exit code 77 and says so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#undef stdin
#undef stdout
#undef stderr

#include "names.h" /* NAMES, COUNT */

void *slots[COUNT];
static const char *const names[COUNT] = {NAMES};

/* Bionic's own three streams, 152 bytes each (older binaries name them so), and what newer ones use. */
char __sF[3 * 152];
FILE *stdin, *stdout, *stderr;

static long (*real_sysconf)(int);
static int (*real_fflush)(FILE *);
static char *(*real_strerror_r)(int, char *, size_t);

static void missing(void) {
    static const char text[] = "bionic shim: a function that glibc does not have was called\n";
    if (write(2, text, sizeof text - 1) < 0) _exit(78);
    _exit(77);
}

__attribute__((constructor)) static void start(void) {
    void *c = dlopen("libc.so.6", RTLD_NOW), *m = dlopen("libm.so.6", RTLD_NOW);
    for (int i = 0; i < COUNT; i++) {
        void *found = dlsym(c, names[i]);
        if (!found) found = dlsym(m, names[i]);
        slots[i] = found ? found : (void *)missing;
    }
    stdin = *(FILE **)dlsym(c, "stdin");
    stdout = *(FILE **)dlsym(c, "stdout");
    stderr = *(FILE **)dlsym(c, "stderr");
    real_sysconf = dlsym(c, "sysconf");
    real_fflush = dlsym(c, "fflush");
    real_strerror_r = dlsym(c, "strerror_r");
}

int fflush(FILE *stream) {
    int bionic = (char *)stream >= __sF && (char *)stream < __sF + sizeof __sF;
    return bionic ? 0 : real_fflush(stream);
}

int *__errno(void) { return __errno_location(); }

char *__gnu_strerror_r(int number, char *buffer, size_t size) { return real_strerror_r(number, buffer, size); }

/* The checked functions of Android's FORTIFY: the check is left out. */
size_t __strlen_chk(const char *text, size_t size) {
    (void)size;
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

char *__strchr_chk(const char *text, int wanted, size_t size) {
    (void)size;
    for (;; text++) {
        if (*text == (char)wanted) return (char *)text;
        if (!*text) return NULL;
    }
}

void __FD_SET_chk(int file, fd_set *set, size_t size) {
    (void)size;
    FD_SET(file, set);
}

int __FD_ISSET_chk(int file, const fd_set *set, size_t size) {
    (void)size;
    return FD_ISSET(file, set);
}

/* liblog */
int __android_log_write(int priority, const char *tag, const char *text) { return dprintf(2, "[%d] %s: %s\n", priority, tag, text); }

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
    char text[1024];
    vsnprintf(text, sizeof text, format, values);
    return __android_log_write(priority, tag, text);
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int result = __android_log_vprint(priority, tag, format, values);
    va_end(values);
    return result;
}

void android_set_abort_message(const char *text) { dprintf(2, "abort: %s\n", text); }

int __system_property_get(const char *name, char *value) {
    (void)name;
    value[0] = 0;
    return 0;
}

/* The numbers of sysconf are Android's own. */
long sysconf_of_bionic(int name) __asm__("sysconf");
long sysconf_of_bionic(int name) {
    switch (name) {
    case 0x27: case 0x28: return real_sysconf(_SC_PAGESIZE);
    case 0x60: return real_sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return real_sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return real_sysconf(_SC_PHYS_PAGES);
    case 0x63: return real_sysconf(_SC_AVPHYS_PAGES);
    default: return -1;
    }
}
