/* Runs a model of the public signature in ONNX Runtime's library for Android.
 *
 *     runner MODEL INPUTS RESULTS SIZE COUNT
 *
 * INPUTS holds COUNT times an image of SIZE x SIZE x 3 bytes and a mask of SIZE x SIZE; RESULTS gets COUNT images. Each
 * inference stands between two marks for the plugin that counts instructions (benchmarks/arm/plugin.py); after each a line is printed. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnxruntime_c_api.h"

/* Code for Android reads the guard of its stack at 0x28 from the thread pointer and expects it unchanged when a function ends.
 * There glibc keeps the thread-local variables of the program, this one first, which nobody writes after the start. */
static __thread volatile char guard[256] __attribute__((aligned(16)));

enum { MARK_CALL = 172, API_VERSION = 17 };
static const uint64_t MARK = 0x7761766566696C6C;

static const OrtApi *api;

static void fail(const char *what, const char *why) {
    printf("%s: %s\n", what, why);
    fflush(stdout);
    _exit(1);
}

static void check(const char *what, OrtStatus *status) {
    if (status) fail(what, api->GetErrorMessage(status));
}

static FILE *opened(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (!file) fail(path, "cannot be opened");
    return file;
}

int main(int count_arguments, char **arguments) {
    if (count_arguments != 6) fail("runner", "MODEL INPUTS RESULTS SIZE COUNT are needed");
    guard[0] = 0;
    int64_t size = atoi(arguments[4]);
    int count = atoi(arguments[5]);

    void *library = dlopen("libonnxruntime.so", RTLD_NOW);
    if (!library) fail("libonnxruntime.so", dlerror());
    const OrtApiBase *(*base)(void) = (const OrtApiBase *(*)(void))dlsym(library, "OrtGetApiBase");
    if (!base) fail("libonnxruntime.so", dlerror());
    api = base()->GetApi(API_VERSION);
    printf("onnxruntime %s\n", base()->GetVersionString());
    fflush(stdout);

    OrtEnv *environment;
    check("environment", api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "wavefill", &environment));
    check("telemetry", api->DisableTelemetryEvents(environment));
    OrtSessionOptions *options;
    check("options", api->CreateSessionOptions(&options));
    check("threads", api->SetIntraOpNumThreads(options, 1));
    OrtSession *session;
    check("model", api->CreateSession(environment, arguments[1], options, &session));
    OrtMemoryInfo *memory;
    check("memory", api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory));

    size_t image_bytes = size * size * 3, mask_bytes = size * size;
    uint8_t *image = malloc(image_bytes), *mask = malloc(mask_bytes);
    int64_t image_shape[] = {1, size, size, 3}, mask_shape[] = {1, size, size, 1};
    OrtValue *inputs[2];
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
    check("image", api->CreateTensorWithDataAsOrtValue(memory, image, image_bytes, image_shape, 4, type, &inputs[0]));
    check("mask", api->CreateTensorWithDataAsOrtValue(memory, mask, mask_bytes, mask_shape, 4, type, &inputs[1]));
    const char *const input_names[] = {"image", "mask"}, *const output_names[] = {"result"};

    FILE *input = opened(arguments[2], "rb"), *output = opened(arguments[3], "wb");
    for (int i = 0; i < count; i++) {
        if (fread(image, 1, image_bytes, input) != image_bytes || fread(mask, 1, mask_bytes, input) != mask_bytes)
            fail(arguments[2], "too short");
        OrtValue *result = NULL;
        syscall(MARK_CALL, MARK, 1UL);
        check("run", api->Run(session, NULL, input_names, (const OrtValue *const *)inputs, 2, output_names, 1, &result));
        syscall(MARK_CALL, MARK, 0UL);
        void *pixels;
        check("result", api->GetTensorMutableData(result, &pixels));
        if (fwrite(pixels, 1, image_bytes, output) != image_bytes) fail(arguments[3], "cannot be written");
        api->ReleaseValue(result);
        printf("inference\n");
        fflush(stdout);
    }
    if (fclose(output)) fail(arguments[3], "cannot be written");
    /* Without the library's destructors, some of which want more of Android than is here. */
    _exit(0);
}
