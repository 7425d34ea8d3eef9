plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

// Names and versions are read from here by python -m android_demo.packaging, too.
android {
    namespace = "wavefill.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "wavefill.app"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
    }

    // One runtime each; both have a class wavefill.app.Networks.
    flavorDimensions += "runtime"
    productFlavors {
        create("onnx") {
            dimension = "runtime"
            ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
        }
        create("litert") {
            dimension = "runtime"
            applicationIdSuffix = ".litert"
            ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
        }
    }

    // Models and golden images: python -m android_demo.packaging --assets DIR writes them there.
    sourceSets {
        getByName("onnx").assets.srcDir("../../build/android/onnx")
        getByName("litert").assets.srcDir("../../build/android/litert")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }

    packaging {
        jniLibs.useLegacyPackaging = true // libraries deflated: a third of the download
    }
}

kotlin {
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8
    }
}

dependencies {
    implementation(project(":core"))
    "onnxImplementation"("com.microsoft.onnxruntime:onnxruntime-android:1.27.0")
    "litertImplementation"("com.google.ai.edge.litert:litert:1.4.2")
}
