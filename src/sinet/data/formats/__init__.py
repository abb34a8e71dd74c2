"""Other tools' forms of labelled pictures, one module each, and the table of them (`sinet.data.formats.table`).

A form is read as a list of `Entry` (`entries`), each of which gives its label when asked, and written by a `Writer`
(`outgoing`) that is given one picture after another.
"""
