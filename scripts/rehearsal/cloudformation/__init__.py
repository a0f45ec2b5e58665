"""CloudFormation: templates, change sets, and stacks made, changed, rolled back and deleted."""
