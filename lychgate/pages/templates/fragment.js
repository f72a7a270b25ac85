(function () {
  var hash = location.hash;
  if (hash.length < 2 || hash.length > 2000) return;
  document.querySelectorAll("a[data-carry]").forEach(function (link) {
    var url = new URL(link.href);
    url.searchParams.set("fragment", hash);
    link.href = url.href;
  });
  document.querySelectorAll("input[name=fragment]").forEach(function (field) {
    field.value = hash;
  });
})();
