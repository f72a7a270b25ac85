if (document.querySelector("[data-close]")) window.close();
