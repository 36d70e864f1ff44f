;; y = W·x for rows of 8-bit weights: the one part of int8 inference that is slow in JavaScript.
;;
;; A test assembles this text and compares the bytes with product.wasm; docs/static-page.md says how to make them anew.
(module
  (import "page" "memory" (memory 1))

  ;; out[r] = Σ over k of q[r][k] · x[k], exact.
  ;;   x        address of `columns` int16
  ;;   q        address of `rows` × `columns` int8, row after row
  ;;   out      address of `rows` int32
  ;;   rows     a multiple of 4;  columns  a multiple of 8
  (func (export "product") (param $x i32) (param $q i32) (param $out i32) (param $rows i32) (param $columns i32)
    (local $k i32) (local $at i32) (local $part v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (block $done
      (loop $four_rows
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (local.set $k (i32.const 0))
        (loop $eight_columns
          ;; Eight of x, and the same eight columns of each of the four rows, widened to 16 bits.
          (local.set $part (v128.load (i32.add (local.get $x) (i32.shl (local.get $k) (i32.const 1)))))
          (local.set $at (i32.add (local.get $q) (local.get $k)))
          (local.set $a (i32x4.add (local.get $a)
            (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $at)) (local.get $part))))
          (local.set $at (i32.add (local.get $at) (local.get $columns)))
          (local.set $b (i32x4.add (local.get $b)
            (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $at)) (local.get $part))))
          (local.set $at (i32.add (local.get $at) (local.get $columns)))
          (local.set $c (i32x4.add (local.get $c)
            (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $at)) (local.get $part))))
          (local.set $at (i32.add (local.get $at) (local.get $columns)))
          (local.set $d (i32x4.add (local.get $d)
            (i32x4.dot_i16x8_s (v128.load8x8_s (local.get $at)) (local.get $part))))
          (local.set $k (i32.add (local.get $k) (i32.const 8)))
          (br_if $eight_columns (i32.lt_u (local.get $k) (local.get $columns))))
        ;; Each of a, b, c, d holds four sums of its row: a becomes (a0+a2, b0+b2, a1+a3, b1+b3), c the same of c
        ;; and d; then the two halves of both are added.
        (local.set $a (i32x4.add
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $a) (local.get $b))
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $a) (local.get $b))))
        (local.set $c (i32x4.add
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $c) (local.get $d))
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $c) (local.get $d))))
        (v128.store (local.get $out) (i32x4.add
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $a) (local.get $c))
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $a) (local.get $c))))
        (local.set $out (i32.add (local.get $out) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.shl (local.get $columns) (i32.const 2))))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 4)))
        (br $four_rows)))))
