# SPDX-License-Identifier: MIT
# Builds for 64-bit Arm with Debian's cross compiler; programs run under qemu's emulation, whose
# processor has all that the kernels use. QEMU_CPU=cortex-a53 in the environment gives one without.
#
# The libraries that mica uses are looked for in MICA_ARM64_ROOT, a folder of unpacked packages that
# scripts/arm64-root.sh makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root ABSOLUTE)
set(MICA_ARM64_ROOT ${root} CACHE PATH "Where the libraries for arm64 are unpacked")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MICA_ARM64_ROOT)

set(libraries ${MICA_ARM64_ROOT}/usr/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${libraries}/pkgconfig:${MICA_ARM64_ROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${MICA_ARM64_ROOT})
# Headers that differ between architectures, of which pkg-config does not speak.
set(CMAKE_C_FLAGS_INIT "-isystem ${MICA_ARM64_ROOT}/usr/include/aarch64-linux-gnu")
# What the libraries need themselves.
set(CMAKE_EXE_LINKER_FLAGS_INIT
    "-Wl,-rpath-link,${libraries}:${MICA_ARM64_ROOT}/lib/aarch64-linux-gnu")
set(CMAKE_SHARED_LINKER_FLAGS_INIT ${CMAKE_EXE_LINKER_FLAGS_INIT})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${MICA_ARM64_ROOT})
