console.log("shop 1.4.0")
