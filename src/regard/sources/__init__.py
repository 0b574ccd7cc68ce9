"""Where signals come from: files read, mapped, converted and handed to the intake."""
