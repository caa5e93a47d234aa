# Warnings are errors; sanitizers and ccache by choice.
add_library(muster_flags INTERFACE)
target_compile_options(muster_flags INTERFACE -Wall -Wextra -Werror -Wno-unused-parameter)
target_compile_options(muster_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
target_include_directories(muster_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(NOT MUSTER_SANITIZE)
  target_compile_definitions(muster_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
if(MUSTER_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")  # Line numbers suffice, and it builds faster.
  add_compile_options(-fsanitize=${MUSTER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MUSTER_SANITIZE})
endif()
add_compile_options(-fstack-protector-strong)
add_link_options(-Wl,-z,relro,-z,now)

find_program(CCACHE ccache)
if(CCACHE)
  # Paths below the checkout are hashed relative to it, so that another clone finds the objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
    CCACHE_NOHASHDIR=true ${CCACHE})
endif()
find_program(LLD ld.lld)
if(LLD)
  add_link_options(-fuse-ld=lld)
endif()

# muster_library(NAME DIR DEPS...): one library per layer folder, from all its .cc files.
function(muster_library name dir)
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC muster_flags ${ARGN})
endfunction()
