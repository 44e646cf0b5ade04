namespace EdgeAgent.Compression.Reporting;

/// <summary>The style sheet of report pages: for screens from 320 pixels on, and for paper.</summary>
internal static class PageStyle
{
    public const string Sheet = """
        :root{--ink:#1b1f24;--soft:#56606b;--rule:#d8dee4;--panel:#f6f8fa;--accent:#0b5cad;--warn:#8a5300;--warnback:#fff7e6}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:#fff;color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
        header{padding-top:34px}
        .kind{margin:0;color:var(--accent);font-size:12.5px;font-weight:600;letter-spacing:.09em;text-transform:uppercase}
        h1{margin:2px 0 4px;font-size:31px;line-height:1.2;letter-spacing:-.015em}
        h2{margin:46px 0 6px;padding-top:14px;border-top:2px solid var(--ink);font-size:20px;line-height:1.3}
        h3{margin:26px 0 6px;font-size:15.5px}
        p{margin:6px 0 10px;max-width:76ch}
        .lead,.note-text,figcaption,footer{color:var(--soft)}
        .note-text,figcaption{font-size:13px}
        nav{margin:16px 0 0;padding:8px 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);font-size:13.5px}
        nav a{margin-right:14px;white-space:nowrap}
        a{color:var(--accent);text-decoration:none}
        a:hover,a:focus{text-decoration:underline}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,215px),1fr));gap:12px;margin:20px 0 4px;padding:0;list-style:none}
        .tiles li{padding:13px 15px 12px;border:1px solid var(--rule);border-top:3px solid var(--tile,var(--ink));border-radius:6px;background:var(--panel)}
        .tiles .what{font-size:13px;color:var(--soft)}
        .tiles .figure{font-size:25px;font-weight:650;letter-spacing:-.01em;line-height:1.25}
        .tiles .more{font-size:12.5px;color:var(--soft)}
        .plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:14px 18px;margin:8px 0 4px}
        figure{margin:0;min-width:0}
        figcaption{margin:0 0 2px;font-weight:600;color:var(--ink)}
        svg.plot{display:block;width:100%;max-width:460px;height:auto}
        svg.plot text{font-family:inherit;font-size:11.5px;fill:var(--ink)}
        svg.plot .tick{fill:var(--soft)}
        svg.plot .name{fill:var(--soft);font-size:12px}
        svg.plot .note{fill:var(--soft);font-size:11px}
        svg.plot .label{font-weight:600}
        svg.plot .grid{stroke:#e9edf1;stroke-width:1;fill:none}
        svg.plot .axis{stroke:#8b95a1;stroke-width:1;fill:none}
        svg.plot .guide{stroke:#8b95a1;stroke-width:1;stroke-dasharray:4 3;fill:none}
        svg.plot .front{stroke:#aab4bf;stroke-width:1.5;fill:none}
        svg.plot .line{stroke-width:1.8;fill:none;stroke-linejoin:round}
        svg.plot .interval{stroke-width:1.5;fill:none}
        .legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0;padding:0;list-style:none;font-size:13px}
        svg.key{width:14px;height:14px;margin-right:6px;vertical-align:-2px}
        .scroll{overflow-x:auto;margin:8px 0 12px}
        .scroll:focus-visible{outline:2px solid var(--accent)}
        table{border-collapse:collapse;width:100%;font-size:13.5px;overflow-wrap:normal}
        caption{padding:0 0 4px;text-align:left;font-size:13px;color:var(--soft)}
        th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
        thead th{border-bottom:1.5px solid var(--ink);font-size:12.5px;font-weight:600;vertical-align:bottom}
        tbody th{font-weight:600;white-space:nowrap}
        td.n,th.n{text-align:right;white-space:nowrap}
        td.n+td.wrap,th.n+th.wrap{padding-left:10px}
        td.wrap,td.wrap code{overflow-wrap:anywhere;min-width:12em}
        tr.group td{border-bottom:0;padding-top:12px;font-weight:600}
        .bar{position:relative;display:inline-block;width:44px;height:9px;margin-right:7px;background:#e9edf1;vertical-align:0;print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .bar i{position:absolute;inset:0 auto 0 0;background:#5f8fbf;print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .chosen{display:inline-block;padding:0 7px;border:1px solid var(--accent);border-radius:9px;color:var(--accent);font-size:11.5px;font-weight:600;white-space:nowrap}
        .warnings{margin:18px 0 0;padding:10px 16px 10px 34px;border-left:4px solid var(--warn);background:var(--warnback);font-size:14px}
        .warnings li{margin:3px 0;max-width:90ch}
        details{margin:4px 0 12px}
        summary{cursor:pointer;font-size:13px;color:var(--accent)}
        code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
        pre{margin:8px 0;padding:10px 12px;background:var(--panel);border:1px solid var(--rule);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
        footer{margin-top:40px;padding-top:12px;padding-bottom:34px;font-size:12.5px}
        @media (max-width:560px){main,header,footer{padding-left:14px;padding-right:14px}h1{font-size:25px}header{padding-top:20px}h2{margin-top:36px}}
        @page{size:A4;margin:14mm 12mm}
        @media print{
        body{font-size:10pt;line-height:1.4}
        main,header,footer{max-width:none;padding-left:0;padding-right:0}
        nav,summary,figure details{display:none}
        details::details-content{content-visibility:visible;block-size:auto}
        h1{font-size:20pt}h2{font-size:13pt;margin-top:20pt;break-after:avoid}h3{break-after:avoid}
        .plots{grid-template-columns:repeat(3,1fr);gap:8pt 10pt}
        figure,tr,.tiles li{break-inside:avoid}
        table{font-size:7.6pt}thead th,caption{font-size:7.4pt}thead{display:table-header-group}
        th,td{padding:2.5pt 5pt 2.5pt 0}
        tbody th{white-space:normal;overflow-wrap:break-word;max-width:42mm}
        td.wrap,td.wrap code{min-width:7em}
        .bar{width:36px}
        .scroll{overflow:visible}
        .tiles{grid-template-columns:repeat(4,1fr)}.tiles .figure{font-size:15pt}
        a{color:inherit}
        }
        """;
}
