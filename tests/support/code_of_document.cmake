# Writes the code of a document to a file, so that a test can build what the document shows:
#   cmake -D DOCUMENT=x.md -D NAME=x.h -D OUT=dir/x.h -P code_of_document.cmake
# The code stands between "<!-- begin code: NAME -->" with a line ```cpp, and ``` at its end.
file(READ ${DOCUMENT} text)
set(begin "<!-- begin code: ${NAME} -->\n```cpp\n")
string(FIND "${text}" "${begin}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT} has no code ${NAME}")
endif()
string(LENGTH "${begin}" length)
math(EXPR at "${at} + ${length}")
string(SUBSTRING "${text}" ${at} -1 text)
string(FIND "${text}" "\n```\n<!-- end code -->" end)
if(end EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT}: the code ${NAME} has no end")
endif()
math(EXPR end "${end} + 1")
string(SUBSTRING "${text}" 0 ${end} text)
file(WRITE ${OUT} "${text}")
