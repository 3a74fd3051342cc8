"""The steps of the course that draw and export, each a function of a `CourseWorkspace`."""
