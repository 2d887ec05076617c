console.log("shop 1.5.0")
