# Finds TensorFlow's C API inside the Python wheel and makes the target TensorFlow::C.
#
#   ZOO_TENSORFLOW_DIR   folder of the package (.../site-packages/tensorflow); asked of Python3_EXECUTABLE if not set
#
# The wheel has no unversioned .so links, hence the full file names.

# A typed cache entry makes a path that was given relative to the working directory absolute.
foreach(_zoo_given Python3_EXECUTABLE ZOO_TENSORFLOW_DIR)
  if(DEFINED ${_zoo_given})
    set(${_zoo_given} "" CACHE FILEPATH "")
  endif()
endforeach()

if(NOT ZOO_TENSORFLOW_DIR)
  find_package(Python3 COMPONENTS Interpreter REQUIRED)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
            "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE _zoo_tensorflow_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT _zoo_tensorflow_dir)
    message(FATAL_ERROR "${Python3_EXECUTABLE} has no tensorflow. Give the Python that has it by "
                        "-DPython3_EXECUTABLE=.venv/bin/python, or the package's folder by -DZOO_TENSORFLOW_DIR=...")
  endif()
  set(ZOO_TENSORFLOW_DIR "${_zoo_tensorflow_dir}" CACHE PATH "folder of the tensorflow Python package")
endif()

foreach(_zoo_file include/tensorflow/c/c_api.h libtensorflow_cc.so.2 libtensorflow_framework.so.2)
  if(NOT EXISTS "${ZOO_TENSORFLOW_DIR}/${_zoo_file}")
    message(FATAL_ERROR "ZOO_TENSORFLOW_DIR=${ZOO_TENSORFLOW_DIR} has no ${_zoo_file}. "
                        "Expected the tensorflow folder of a Linux wheel, 2.21 or newer.")
  endif()
endforeach()

if(NOT TARGET TensorFlow::C)
  add_library(TensorFlow::C INTERFACE IMPORTED)
  target_include_directories(TensorFlow::C SYSTEM INTERFACE "${ZOO_TENSORFLOW_DIR}/include")
  target_link_directories(TensorFlow::C INTERFACE "${ZOO_TENSORFLOW_DIR}")
  target_link_libraries(TensorFlow::C INTERFACE -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2)
  target_link_options(TensorFlow::C INTERFACE "LINKER:-rpath,${ZOO_TENSORFLOW_DIR}")
endif()
