"""What is done with a head that is there: judged on other questions, its pictures drawn again."""
