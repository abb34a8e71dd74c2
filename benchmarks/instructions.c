/* A plugin for qemu (7.2 or newer, its interface of version 1) that counts the instructions that a program executes, and
 * says their number when it ends. Declared by hand, for Debian's qemu comes without the header. */
#include <stddef.h>
#include <stdint.h>

enum { ADD = 0 };

typedef void (*on_block)(uint64_t id, void *block);
typedef void (*on_end)(uint64_t id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block callback);
extern void qemu_plugin_register_vcpu_tb_exec_inline(void *block, int operation, void *number, uint64_t by);
extern size_t qemu_plugin_tb_n_insns(const void *block);
extern void qemu_plugin_register_atexit_cb(uint64_t id, on_end callback, void *data);
extern void qemu_plugin_outs(const char *words);

#define PUBLIC __attribute__((visibility("default")))

PUBLIC int qemu_plugin_version = 1;

static uint64_t executed;

/* Translated once, a block counts all its instructions each time that it begins. */
static void count_block(uint64_t id, void *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void say(uint64_t id, void *data) {
    (void)id, (void)data;
    char words[32], *at = words + sizeof words;
    uint64_t rest = executed;
    *--at = 0;
    *--at = '\n';
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    qemu_plugin_outs(at);
}

PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int count, char **options) {
    (void)info, (void)count, (void)options;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_atexit_cb(id, say, NULL);
    return 0;
}
