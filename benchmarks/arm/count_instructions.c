/* A plugin of QEMU's user-mode emulator: how many instructions run between two marks.
 *
 * The emulator translates code in blocks. Each block that is executed adds its number of instructions. A mark is a system call
 * with a first argument that no program gives by chance; its second argument opens (1) or closes (0) a section. At each close the
 * count is written as a line of the file that the plugin's argument names: -plugin count_instructions.so,counts=PATH
 *
 * QEMU's header is in no package, so what is used of its plugin interface is declared here, as QEMU's documentation of TCG plugins
 * describes it. Version 1 of the interface is that of QEMU 4.2 to 8.2. Threads are counted together, and a count is exact with one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_info;
enum flags { NO_REGISTERS = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id id, struct qemu_plugin_tb *block));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *block, void (*callback)(unsigned int cpu, void *data), enum flags flags, void *data);
extern void qemu_plugin_register_vcpu_syscall_cb(
    plugin_id id,
    void (*callback)(plugin_id id, unsigned int cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                     uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8));

EXPORTED int qemu_plugin_version = 1;

/* Those of benchmarks/arm/plugin.py. */
static const int64_t MARK_CALL = 172;
static const uint64_t MARK = 0x7761766566696C6C;

static uint64_t executed;
static int open_section;
static FILE *counts;

static void on_execution(unsigned int cpu, void *instructions) {
    (void)cpu;
    executed += (uintptr_t)instructions;
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_execution, NO_REGISTERS, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void on_system_call(plugin_id id, unsigned int cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                           uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != MARK_CALL || a1 != MARK) return;
    if (a2) {
        executed = 0;
    } else if (open_section) {
        fprintf(counts, "%llu\n", (unsigned long long)executed);
        fflush(counts);
    }
    open_section = a2 != 0;
}

EXPORTED int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int count, char **arguments) {
    (void)info;
    if (count != 1 || strncmp(arguments[0], "counts=", 7) != 0 || !(counts = fopen(arguments[0] + 7, "w"))) {
        fprintf(stderr, "count_instructions: counts=PATH is needed, of a file that can be written\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
