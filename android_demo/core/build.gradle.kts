plugins {
    id("org.jetbrains.kotlin.jvm")
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

kotlin {
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8
    }
}

dependencies {
    // The Java API alone, to compile against; an app brings onnxruntime-android, which has the same classes, and a desktop this one.
    compileOnly("com.microsoft.onnxruntime:onnxruntime:1.27.0")
    testImplementation("com.microsoft.onnxruntime:onnxruntime:1.27.0")
    testImplementation(kotlin("test-junit"))
}
