plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

val artefact = tasks.register<Copy>("artefact") {
    from("../../../src/sinet/runtime/models/portrait-13.safetensors")
    into(layout.buildDirectory.dir("artefact"))
}
tasks.named("preBuild") { dependsOn(artefact) }

android {
    namespace = "sinet.example"
    compileSdk = 35

    defaultConfig {
        applicationId = "sinet.example"
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "1"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") } // phones, the emulator; the engine has not run on 32-bit ARM
        // Memory pages of 16 KB, which newer phones have.
        externalNativeBuild { cmake { arguments += "-DANDROID_SUPPORT_FLEXIBLE_PAGE_SIZES=ON" } }
    }
    externalNativeBuild { cmake { path = file("src/main/cpp/CMakeLists.txt") } }
    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("artefact").get().asFile)

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 } }

dependencies {
    implementation("androidx.activity:activity-ktx:1.9.3")
    implementation("androidx.camera:camera-camera2:1.4.1")
    implementation("androidx.camera:camera-lifecycle:1.4.1")
}
