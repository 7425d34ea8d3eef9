/* Runs and times a model of the public signature in ONNX Runtime on a phone; benchmarks/adb/runner.py says how it is called and
 * what it prints. Times are those of the monotonic clock, taken here: neither adb nor the start of a process is in them.
 *
 * Only functions that Android's C library and glibc have alike, by one name and one calling convention: it is compiled with glibc's
 * headers (benchmarks/adb/build.py lists what may be asked for), and tested on Linux. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "onnxruntime_c_api.h"

/* At least so many timed runs, if so many are asked for: a slow model must not be judged by one. */
enum { API_VERSION = 17, FEWEST = 10 };

static const OrtApi *api;

/* One line, also of a reason that has several: whoever called shows the last. */
static void fail(const char *what, const char *why) {
    printf("%s: ", what);
    while (*why) {
        int length = 0;
        while (why[length] && why[length] != '\n') length++;
        printf("%.*s%s", length, why, why[length] ? " " : "");
        why += length + (why[length] != 0);
    }
    printf("\n");
    fflush(NULL);
    _exit(1);
}

static void check(const char *what, OrtStatus *status) {
    if (status) fail(what, api->GetErrorMessage(status));
}

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * time.tv_sec + 1e-6 * time.tv_nsec;
}

/* Of the whole process since its start; Linux counts in KiB. */
static double peak_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024e-6;
}

static int64_t number(const char *name, const char *text) {
    int64_t value = 0;
    for (const char *digit = text; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || value > 100000000) fail(name, "is not a whole number");
        value = 10 * value + (*digit - '0');
    }
    if (!*text) fail(name, "is not a whole number");
    return value;
}

static void transfer(const char *path, uint8_t *bytes, size_t count, int writes) {
    FILE *file = fopen(path, writes ? "wb" : "rb");
    if (!file) fail(path, "cannot be opened");
    size_t moved = writes ? fwrite(bytes, 1, count, file) : fread(bytes, 1, count, file);
    if (moved != count) fail(path, writes ? "cannot be written" : "too short");
    if (fclose(file)) fail(path, "cannot be written");
}

int main(int count_arguments, char **arguments) {
    if (count_arguments != 9) fail("runner", "MODEL INPUT RESULT SIZE THREADS WARM_UPS RUNS SECONDS are needed");
    int64_t size = number("SIZE", arguments[4]), threads = number("THREADS", arguments[5]);
    int64_t warm_ups = number("WARM_UPS", arguments[6]), runs = number("RUNS", arguments[7]);
    double limit_ms = 1e3 * number("SECONDS", arguments[8]);
    if (!size || !threads || !runs) fail("SIZE, THREADS, RUNS", "must be at least 1");

    void *library = dlopen("libonnxruntime.so", RTLD_NOW);
    if (!library) fail("libonnxruntime.so", dlerror());
    const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
    if (!base) fail("libonnxruntime.so", dlerror());
    api = base()->GetApi(API_VERSION);
    if (!api) fail("libonnxruntime.so", "is older than 1.17");
    printf("runtime onnxruntime %s CPUExecutionProvider\n", base()->GetVersionString());

    size_t image_bytes = 3 * size * size, mask_bytes = size * size;
    uint8_t *image = malloc(image_bytes + mask_bytes), *mask = image + image_bytes;
    if (!image) fail("SIZE", "is too large");
    transfer(arguments[2], image, image_bytes + mask_bytes, 0);

    double begun = now_ms();
    OrtEnv *environment;
    check("environment", api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "wavefill", &environment));
    check("telemetry", api->DisableTelemetryEvents(environment));
    OrtSessionOptions *options;
    check("options", api->CreateSessionOptions(&options));
    check("threads", api->SetIntraOpNumThreads(options, (int)threads));
    OrtSession *session;
    check("model", api->CreateSession(environment, arguments[1], options, &session));
    printf("load_ms %.6f\n", now_ms() - begun);
    printf("peak_mb load %.3f\n", peak_mb());

    OrtMemoryInfo *memory;
    check("memory", api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory));
    int64_t image_shape[] = {1, size, size, 3}, mask_shape[] = {1, size, size, 1};
    OrtValue *inputs[2];
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    check("image", api->CreateTensorWithDataAsOrtValue(memory, image, image_bytes, image_shape, 4, type, &inputs[0]));
    check("mask", api->CreateTensorWithDataAsOrtValue(memory, mask, mask_bytes, mask_shape, 4, type, &inputs[1]));
    const char *const input_names[] = {"image", "mask"}, *const output_names[] = {"result"};

    OrtValue *result = NULL;
    double first_timed = 0;
    /* Run 0 is the first, then come those that warm up. */
    for (int64_t run = 0; run < 1 + warm_ups + runs; run++) {
        int64_t timed = run - 1 - warm_ups;
        double start = now_ms();
        if (timed == 0) first_timed = start;
        if (timed >= FEWEST && start - first_timed > limit_ms) break;
        if (result) api->ReleaseValue(result);
        result = NULL;
        start = now_ms();
        check("run", api->Run(session, NULL, input_names, (const OrtValue *const *)inputs, 2, output_names, 1, &result));
        double spent = now_ms() - start;
        if (run == 0) printf("first_ms %.6f\n", spent);
        if (timed >= 0) printf("run_ms %.6f\n", spent);
    }
    printf("peak_mb steady %.3f\n", peak_mb());

    OrtTensorTypeAndShapeInfo *shape;
    check("result", api->GetTensorTypeAndShape(result, &shape));
    size_t elements;
    check("result", api->GetTensorShapeElementCount(shape, &elements));
    ONNXTensorElementDataType got;
    check("result", api->GetTensorElementType(shape, &got));
    if (elements != image_bytes || got != type) fail("result", "is not SIZE x SIZE x 3 bytes");
    void *pixels;
    check("result", api->GetTensorMutableData(result, &pixels));
    transfer(arguments[3], pixels, image_bytes, 1);
    fflush(NULL);
    /* Without the library's destructors: nothing is left that they would have to write. */
    _exit(0);
}
