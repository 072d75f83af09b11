/** LaTeX commands that stand for a character, by what it is in a formula. No DOM. */

const pairs = (text) => Object.fromEntries(text.trim().split(/\s+/).map((pair) => pair.split(":")));

/** Letters and constants. */
export const LETTERS = pairs(`
  alpha:α beta:β gamma:γ delta:δ epsilon:ϵ varepsilon:ε zeta:ζ eta:η theta:θ vartheta:ϑ iota:ι kappa:κ
  lambda:λ mu:μ nu:ν xi:ξ pi:π varpi:ϖ rho:ρ varrho:ϱ sigma:σ varsigma:ς tau:τ upsilon:υ phi:ϕ varphi:φ
  chi:χ psi:ψ omega:ω Gamma:Γ Delta:Δ Theta:Θ Lambda:Λ Xi:Ξ Pi:Π Sigma:Σ Upsilon:Υ Phi:Φ Psi:Ψ Omega:Ω
  infty:∞ emptyset:∅ varnothing:∅ hbar:ℏ ell:ℓ Re:ℜ Im:ℑ aleph:ℵ partial:∂ nabla:∇ degree:° imath:ı jmath:ȷ
`);

/** Operators and relations. */
export const OPERATORS = pairs(`
  cdot:⋅ times:× div:÷ pm:± mp:∓ ast:∗ star:⋆ circ:∘ bullet:∙ oplus:⊕ otimes:⊗ setminus:∖ cup:∪ cap:∩
  wedge:∧ vee:∨ land:∧ lor:∨ neg:¬ lnot:¬ le:≤ leq:≤ leqslant:⩽ ge:≥ geq:≥ geqslant:⩾ ne:≠ neq:≠ lt:< gt:>
  approx:≈ equiv:≡ sim:∼ simeq:≃ cong:≅ propto:∝ ll:≪ gg:≫ in:∈ notin:∉ ni:∋ subset:⊂ subseteq:⊆ supset:⊃
  supseteq:⊇ mid:∣ nmid:∤ parallel:∥ perp:⊥ angle:∠ triangle:△ to:→ rightarrow:→ leftarrow:← mapsto:↦
  Rightarrow:⇒ Leftarrow:⇐ implies:⟹ iff:⟺ Leftrightarrow:⇔ leftrightarrow:↔ uparrow:↑ downarrow:↓ forall:∀ exists:∃
  therefore:∴ because:∵ ldots:… cdots:⋯ dots:… vdots:⋮ ddots:⋱ prime:′ lfloor:⌊ rfloor:⌋ lceil:⌈ rceil:⌉
  langle:⟨ rangle:⟩ lvert:| rvert:| vert:| lVert:‖ rVert:‖ Vert:‖ lbrace:{ rbrace:} colon::
`);

/** Large operators, whose bounds stand above and below in displays. */
export const LARGE = pairs("sum:∑ prod:∏ int:∫ iint:∬ iiint:∭ oint:∮ bigcup:⋃ bigcap:⋂ coprod:∐");

/** Functions, written upright. */
export const FUNCTIONS = new Set(
  ("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp lim max min sup inf det dim ker " +
    "gcd deg arg Pr hom bmod limsup liminf").split(" "));

/** Accents over their argument. */
export const ACCENTS = { bar: "¯", overline: "¯", hat: "^", widehat: "^", tilde: "~", widetilde: "~", vec: "→",
  overrightarrow: "→", dot: "˙", ddot: "¨" };

/** Widths of spaces, in em; and commands that say nothing. */
export const SPACES = { ",": "0.17em", ":": "0.22em", ">": "0.22em", ";": "0.28em", " ": "0.33em", quad: "1em",
  qquad: "2em", "!": "0em", thinspace: "0.17em" };
export const SILENT = new Set(["displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "big", "Big", "bigg",
  "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "hline", "noindent", "boldmath"]);
