"""What is a violation: standing objects, changes, zones and hours in; findings that explain themselves out."""
