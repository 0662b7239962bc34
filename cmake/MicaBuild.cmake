# SPDX-License-Identifier: MIT
# How parts, libraries and tests are built. Each part of src/ is an object library `mica_<part>`; the
# libraries are put together from them.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

add_library(mica_flags INTERFACE)
target_compile_options(mica_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef
    -Wwrite-strings -Wno-unused-parameter -ffp-contract=off -fno-math-errno)
target_compile_definitions(mica_flags INTERFACE _GNU_SOURCE MICA_VERSION="${PROJECT_VERSION}")
if(MICA_WERROR)
    target_compile_options(mica_flags INTERFACE -Werror)
endif()
if(MICA_SANITIZE)
    target_compile_options(mica_flags INTERFACE -fsanitize=${MICA_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(mica_flags INTERFACE -fsanitize=${MICA_SANITIZE})
endif()
if(MICA_BUILD_FUZZERS)
    target_compile_options(mica_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_include_directories(mica_flags INTERFACE
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)

# mica_part(NAME source...): one part of the library, its sources listed one by one.
function(mica_part name)
    add_library(mica_${name} OBJECT ${ARGN})
    target_link_libraries(mica_${name} PUBLIC mica_flags PRIVATE PkgConfig::UTF8PROC
        PkgConfig::ONIG PkgConfig::CURL PkgConfig::CRYPTO Threads::Threads)
endfunction()

# What the libraries link: all of it, the tokenizer's share, the Hub's share. (libcurl is loaded when
# it is needed.)
set(MICA_EXTERNAL_tokenizer PkgConfig::UTF8PROC PkgConfig::ONIG Threads::Threads m)
set(MICA_EXTERNAL_hub PkgConfig::CRYPTO Threads::Threads m ${CMAKE_DL_LIBS})
set(MICA_EXTERNAL ${MICA_EXTERNAL_tokenizer} PkgConfig::CRYPTO ${CMAKE_DL_LIBS})
set(MICA_EXTERNAL_all ${MICA_EXTERNAL})

# libmica (everything), libmica-tokenizer and libmica-hub (base and that part only: no engine in
# them), each static and shared. libmica holds all of the others: link one.
function(mica_libraries)
    set(parts_all ${MICA_PARTS})
    set(parts_tokenizer base tokenizer)
    set(parts_hub base hub)
    foreach(pair "mica:all" "mica-tokenizer:tokenizer" "mica-hub:hub")
        string(REPLACE ":" ";" pair ${pair})
        list(GET pair 0 library)
        list(GET pair 1 share)
        set(objects)
        foreach(part IN LISTS parts_${share})
            list(APPEND objects $<TARGET_OBJECTS:mica_${part}>)
        endforeach()
        add_library(${library} STATIC ${objects})
        add_library(${library}-shared SHARED ${objects})
        set_target_properties(${library}-shared PROPERTIES OUTPUT_NAME ${library}
            VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
        set_target_properties(${library} PROPERTIES LINKER_LANGUAGE C)
        foreach(target ${library} ${library}-shared)
            target_include_directories(${target} INTERFACE
                $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
            target_link_libraries(${target} PRIVATE ${MICA_EXTERNAL_${share}})
            if(MICA_SANITIZE)
                target_link_options(${target} PUBLIC -fsanitize=${MICA_SANITIZE})
            endif()
        endforeach()
    endforeach()
endfunction()

# mica_test(NAME SOURCES ... [PARTS ...] [LABELS ...]): a cmocka program that links the named parts'
# objects (default: the whole library), so that a part can be tested before those below it build.
function(mica_test name)
    cmake_parse_arguments(arg "" "" "SOURCES;PARTS;LABELS" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    if(arg_PARTS)
        foreach(part IN LISTS arg_PARTS)
            target_link_libraries(${name} PRIVATE mica_${part})
        endforeach()
        target_link_libraries(${name} PRIVATE ${MICA_EXTERNAL})
    else()
        target_link_libraries(${name} PRIVATE mica ${MICA_EXTERNAL})
    endif()
    target_link_libraries(${name} PRIVATE mica_flags PkgConfig::CMOCKA)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_definitions(${name} PRIVATE
        MICA_TEST_DIR="${PROJECT_SOURCE_DIR}/tests"
        MICA_TEST_TMP="${PROJECT_BINARY_DIR}/tmp"
        MICA_SHARED_DATA="${PROJECT_SOURCE_DIR}/../shared/data")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 600)
endfunction()

# mica_fuzzer(NAME SOURCES ... PARTS ...): a libFuzzer program; tests/fuzz/run.sh runs them all.
function(mica_fuzzer name)
    cmake_parse_arguments(arg "" "" "SOURCES;PARTS" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    foreach(part IN LISTS arg_PARTS)
        target_link_libraries(${name} PRIVATE mica_${part})
    endforeach()
    target_link_libraries(${name} PRIVATE mica_flags ${MICA_EXTERNAL})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# Install rules: libraries, headers, pkg-config files. The program installs itself (cli/).
function(mica_install)
    install(TARGETS mica mica-shared mica-tokenizer mica-tokenizer-shared mica-hub mica-hub-shared
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mica DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    file(RELATIVE_PATH MICA_INCLUDE_FROM_LIB ${CMAKE_INSTALL_FULL_LIBDIR}
        ${CMAKE_INSTALL_FULL_INCLUDEDIR})
    set(requires_mica "libutf8proc oniguruma libcrypto")
    set(requires_mica-tokenizer "libutf8proc oniguruma")
    set(requires_mica-hub "libcrypto")
    foreach(library mica mica-tokenizer mica-hub)
        set(MICA_LIBRARY ${library})
        set(MICA_REQUIRES ${requires_${library}})
        configure_file(${PROJECT_SOURCE_DIR}/cmake/mica.pc.in ${PROJECT_BINARY_DIR}/${library}.pc @ONLY)
        install(FILES ${PROJECT_BINARY_DIR}/${library}.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    endforeach()
endfunction()
